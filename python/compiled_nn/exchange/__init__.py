"""Exchange with other formats and libraries: descriptions of predictors, exporters and readers."""
