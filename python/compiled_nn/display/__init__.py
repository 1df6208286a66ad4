"""Display without matplotlib: HTML for notebooks, and network diagrams as SVG."""
