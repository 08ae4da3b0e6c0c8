"""Bodies that exist as a whole only in the OpenAPI document: `me/`, for users and doctors alike."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import DoctorProfileSerializer, UserSerializer, UserUpdateSerializer
from api.fields import YuanField


class MeSerializer(UserSerializer):
    """The user; the fields that are not required come for doctors only."""

    hospital = serializers.CharField(required=False)
    department = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    introduction = serializers.CharField(required=False, allow_blank=True)
    online_price = YuanField(required=False)
    monthly_price = YuanField(required=False)
    is_accepting = serializers.BooleanField(required=False)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, *DoctorProfileSerializer.Meta.fields]
        read_only_fields = UserSerializer.Meta.fields


class MeUpdateSerializer(serializers.Serializer[Any]):
    """What `PATCH me/` takes: the fields of the serializers that it runs."""

    def get_fields(self) -> dict[str, Any]:
        forms = (UserUpdateSerializer(), DoctorProfileSerializer())
        fields = {name: field for form in forms for name, field in form.get_fields().items()}
        return {name: field for name, field in fields.items() if not field.read_only}
