"""Charts drawn on the server as SVG: no Django, no script needed to read them, classes instead of styles.

The plot has no viewBox of its own: heights are pixels and widths are per cent, so that text, hatching and rounded
corners keep their shape on a phone and on a desk; only curves are stretched, inside a nested picture.
"""
