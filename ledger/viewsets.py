"""A user's own balance and its entries."""

from django.db.models import QuerySet
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import services
from ledger.models import AccountKind, Entry
from ledger.serializers import BalanceSerializer, EntrySerializer


class BalanceView(GenericAPIView):
    """查询账户余额"""

    serializer_class = BalanceSerializer

    def get(self, request: Request) -> Response:
        return Response(self.get_serializer(services.balance_fen(request.user)).data)


class EntryListView(ListAPIView[Entry]):
    """查询余额明细，最新在前"""

    serializer_class = EntrySerializer
    queryset = Entry.objects.none()

    def get_queryset(self) -> QuerySet[Entry]:
        wallets = Entry.objects.filter(
            account__owner=self.request.user, account__kind=AccountKind.WALLET
        )
        return wallets.select_related("transaction").order_by("-pk")
