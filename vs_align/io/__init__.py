"""Files and process resources that every layer uses: JSON, locks, atomic writes, user folders, memory."""
