"""Every word the house says: mails by template and language, instants, severities. It rests on desk.base alone."""
