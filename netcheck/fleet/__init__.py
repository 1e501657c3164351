"""Every connector of an account and Region, judged by AWS's configuration; AWS is asked each thing once."""
