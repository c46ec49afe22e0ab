"""One file per method, or two where one engine serves both."""
