"""The edge that the pods of runs speak to. What they say is judged and kept by `adapters.desk`; here it is only taken and answered."""
