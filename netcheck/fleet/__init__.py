"""Every connector of an account and Region, checked by its AWS configuration; each API call is made once."""
