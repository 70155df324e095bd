"""How the API is described: names of operations that stay unique."""

from __future__ import annotations

from drf_spectacular.openapi import AutoSchema


class Schema(AutoSchema):
    """Tells a collection from one of its members, also where the view answers both with plain objects."""

    def get_operation_id(self) -> str:
        """Return the name of the operation: reading a collection is a list."""
        name: str = super().get_operation_id()
        segment = self.path.rstrip("/").rpartition("/")[2]
        if self.method == "GET" and segment.endswith("s") and segment != "statistics":
            return name.removesuffix("_retrieve").removesuffix("_list") + "_list"
        return name
