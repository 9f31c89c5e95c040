"""One module per outside thing. An adapter gets a ready client and its settings values, never reads the environment, and lets only our errors out."""
