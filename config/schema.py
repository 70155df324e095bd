"""How the API is described: names of operations that stay unique, and which scope they need."""

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

    def get_description(self) -> str:  # type: ignore[override] # spectacular's signature, which the stubs do not know
        """Add to the words of the view which scope a service token needs."""
        text: str = super().get_description()
        auth = self.get_auth()
        if "token" not in {name for one in auth for name in one}:
            return text
        scope = getattr(self.view, "scopes", {}).get(self.method)
        right = f"Service tokens need the scope `{scope.value}`." if scope else "Not for service tokens."
        return f"{text}\n\n{right}"
