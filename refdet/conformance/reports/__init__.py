"""What came out of running targets: as text, JSON, JUnit XML and Markdown."""
