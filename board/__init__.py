"""The board: pages for supervisors and users. It holds nothing yet; the status page is the first to move in."""
