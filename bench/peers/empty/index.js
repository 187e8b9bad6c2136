// A package with nothing in it: what Node takes to find, read and link any.
