"""The flow engine "dis": dense inverse search, refined on a control grid."""
