"""What a row, a request and an answer must look like, in marshmallow schemas."""
