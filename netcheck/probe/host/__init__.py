"""This host: where it is, its name servers, its clock."""
