"""The console: server-rendered pages for people with a caller on the line, for stewards and for privacy officers."""
