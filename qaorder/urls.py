"""URLs below /qaorder/, as the published document and the contract list them."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converters used below)
from qaorder.viewsets.catalogue import DiagnosisTagViewSet, DrugViewSet
from qaorder.viewsets.consultation import AnswerViewSet, QuestionViewSet
from qaorder.viewsets.evaluations import EvaluationViewSet
from qaorder.viewsets.orders import OrderViewSet
from qaorder.viewsets.periods import SubscriptionViewSet

order, evaluation = OrderViewSet.as_view, EvaluationViewSet.as_view
question, answer = QuestionViewSet.as_view, AnswerViewSet.as_view
tag, drug = DiagnosisTagViewSet.as_view, DrugViewSet.as_view

urlpatterns = [
    path("order/create/", order({"post": "create"})),
    path("order/detail/<number:order_number>/", order({"get": "retrieve"})),
    path("order/destroy/<number:order_number>/", order({"get": "destroy", "delete": "destroy"})),
    path("order/<position:position>/list/", order({"get": "list"})),
    path("order/<position:position>/newone/", order({"get": "newone"})),
    path("order/<position:position>/list/qa/", order({"get": "list_qa"})),
    path("order/cancel/<number:order_number>/", order({"put": "cancel", "get": "cancel"})),
    path("order/finish/<number:order_number>/", order({"put": "finish", "get": "finish"})),
    path("order/filter/", order({"get": "filter"})),
    path("order/evaluate/<number:order_number>/", evaluation({"put": "evaluate"})),
    path("user/<username:username>/", evaluation({"get": "list"})),
    path("patient/inquiry/record/<pk:pk>/", order({"get": "inquiry_record"})),
    path("question/create/", question({"post": "create"})),
    path("answer/create/", answer({"post": "create"})),
    path("diagnosis_tag/create/", tag({"post": "create"})),
    path("diagnosis_tag/list/", tag({"get": "list"})),
    path("diagnosis_tag/<pk:pk>/", tag({"put": "update", "delete": "destroy"})),
    path("drug/create/", drug({"post": "create"})),
    path("drug/list/", drug({"get": "list"})),
    path("drug/<pk:pk>/", drug({"put": "update", "delete": "destroy"})),
    path("subscription/list/", SubscriptionViewSet.as_view({"get": "list"})),
]
