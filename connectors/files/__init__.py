"""Files people hand to Recado: events by line (JSON Lines) and contacts as CSV. Read as streams, every byte hostile."""
