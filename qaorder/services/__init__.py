"""Business verbs, one function each: model in, model out."""
