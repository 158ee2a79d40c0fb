"""HTTP: the ingress of callbacks, the questions asked of the read model, and how errors are said."""
