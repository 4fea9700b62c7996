"""One file for each page of docs/ that is generated: each has a `page()` that answers the page's text."""
