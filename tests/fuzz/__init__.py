"""Damaged and hostile files and messages: whatever they hold is read, or refused with a sentence."""
