"""A user's own balance and its entries."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.viewsets import ViewSet, endpoint
from ledger import services
from ledger.models import AccountKind, Entry
from ledger.serializers import BalanceSerializer, EntrySerializer


class BalanceViewSet(ViewSet):
    serializer_class = BalanceSerializer

    def retrieve(self, request: Request) -> Response:
        """查询账户余额"""
        return Response(self.get_serializer(services.balance_fen(request.user)).data)

    @extend_schema(responses=EntrySerializer(many=True))
    @endpoint(serializer_class=EntrySerializer)
    def entries(self, request: Request) -> Response:
        """查询余额明细，最新在前"""
        mine = {"account__owner": request.user, "account__kind": AccountKind.WALLET}
        rows = Entry.objects.filter(**mine).select_related("transaction")
        return self.page(rows.order_by("-pk"))
