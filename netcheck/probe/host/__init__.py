"""This host: its place in AWS, its name servers, its clock."""
