"""Files that are made of the declared options: JSON Schemas, the type stub, the page of options.

`python -m pairgen.declarations` writes them anew.
"""
