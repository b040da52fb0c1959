"""Calls come in by Twilio's webhooks."""
