"""The vocabulary: targets, findings, the contract of a check, recordings. Depends on no other room."""
