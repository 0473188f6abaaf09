"""The command `vs-align`: one file a command, no algorithm inside."""


def main() -> None:
    """Run the command line."""
    from vs_align.cli.app import run

    run()
