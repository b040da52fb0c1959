"""The board: pages for supervisors and users. So far the user's status page, and what a mail had attached."""
