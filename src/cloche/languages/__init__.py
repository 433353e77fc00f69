"""The little languages of AWS. Pure: text in, something that can be asked out."""
