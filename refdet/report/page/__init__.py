"""One run, or two side by side, as a single HTML file that needs no network.

`write_page` puts together what the other files make: `svg` and `charts` draw, `numbers` words
numbers, `sections` picks what each section says, `findings` says it in sentences. The parts that
move have a file of script each; what they show is in `PageExtras`.
"""

from refdet.report.page.writing import PageExtras, write_page

__all__ = ["PageExtras", "write_page"]
