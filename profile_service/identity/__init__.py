"""The rules about one value, one record, one pair, one cluster: each lives here once."""
