"""The SQL read model: every fact of the journal, and the state that follows from them, for the API and for analysts."""
