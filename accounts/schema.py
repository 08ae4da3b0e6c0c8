"""Bodies that exist as a whole only in the OpenAPI document: `me/`, for users and doctors alike."""

from rest_framework import serializers

from accounts.serializers import DOCTOR_ONLY, DoctorProfileSerializer, UserSerializer
from feiqingsong.fields import YuanField


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


class MeUpdateSerializer(MeSerializer):
    class Meta(MeSerializer.Meta):
        fields = ["name", "avatar", *DOCTOR_ONLY]
        read_only_fields: list[str] = []
