"""URLs below /qaorder/, as the published document and the contract list them."""

from django.urls import path

import api.converters  # noqa: F401 (registers the converters used below)
from qaorder.viewsets import consultation, orders, periods

urlpatterns = [
    path("order/create/", orders.OrderCreateView.as_view()),
    path("order/detail/<number:order_number>/", orders.OrderDetailView.as_view()),
    path("order/destroy/<number:order_number>/", orders.OrderDestroyView.as_view()),
    path("order/<position:position>/list/", orders.OrderListView.as_view()),
    path("order/<position:position>/newone/", orders.OrderNewestView.as_view()),
    path("order/<position:position>/list/qa/", orders.OrderQaListView.as_view()),
    path("order/cancel/<number:order_number>/", orders.OrderCancelView.as_view()),
    path("order/finish/<number:order_number>/", orders.OrderFinishView.as_view()),
    path("order/filter/", orders.OrderFilterView.as_view()),
    path("order/evaluate/<number:order_number>/", orders.OrderEvaluateView.as_view()),
    path("user/<username:username>/", orders.DoctorEvaluationListView.as_view()),
    path("patient/inquiry/record/<pk:pk>/", orders.InquiryRecordView.as_view()),
    path("question/create/", consultation.QuestionCreateView.as_view()),
    path("answer/create/", consultation.AnswerCreateView.as_view()),
    path("diagnosis_tag/create/", consultation.DiagnosisTagCreateView.as_view()),
    path("diagnosis_tag/list/", consultation.DiagnosisTagListView.as_view()),
    path("diagnosis_tag/<pk:pk>/", consultation.DiagnosisTagChangeView.as_view()),
    path("drug/create/", consultation.DrugCreateView.as_view()),
    path("drug/list/", consultation.DrugListView.as_view()),
    path("drug/<pk:pk>/", consultation.DrugChangeView.as_view()),
    path("subscription/list/", periods.SubscriptionListView.as_view()),
]
