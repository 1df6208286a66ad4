"""What is shown without matplotlib: the HTML page of a notebook, and network diagrams as SVG."""
