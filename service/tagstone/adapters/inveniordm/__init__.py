"""Zenodo and any other InvenioRDM, through its records API.

The law here: a question that changes nothing is asked again when no answer came; one that changes something is never asked
twice without a look in between, since its answer may have been lost after its effect. No token leaves for another server than
its own, and none is in an error, a log or an address. https://inveniordm.docs.cern.ch/reference/rest_api_index/
"""
