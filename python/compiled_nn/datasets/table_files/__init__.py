"""Parts of `read_table`: formats of files, dialects of CSV, and values of cells."""
