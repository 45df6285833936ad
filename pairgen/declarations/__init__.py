"""Files generated from the declared options: JSON Schemas, the type stub, the page of options.

`python -m pairgen.declarations` writes them.
"""
