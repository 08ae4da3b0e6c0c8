"""Races on a real PostgreSQL, each played with its guards and again without the one under test.

`make races` plays every race 200 times and prints how often a rule was broken; the suite itself
plays a few rounds. Threads start behind a barrier, each with a connection of its own, and go
through the HTTP API where clients race, through services and jobs where those do. After every
guarded race the ledger, the money audit and the provider's own book must agree. The twin without
the guard (`unguarded.py`) must break a rule, or the race proves nothing.

    R1      test_charges   twenty pay taps, one charge
    R2      test_charges   alipay and wx both paid
    R3      test_notices   cancel and the notice
    R4      test_notices   expiry, pay and the notice, with money in time and late
    R5      test_charges   the notice before the charge is stored: found by our number, not lost
    R6      test_charges   cancelled while the provider was asked
    R7      test_notices   identical notices, in threads and in four processes
    R8      test_notices   two event ids for one charge
    R9      test_notices   asking the provider and the notice
    R10     test_notices   events of two charges, and a refund's answers, in any order
    R11     no race: forged and altered notices are in qaorder/tests
    R12     test_wallet    a balance spent twice
    R13     test_wallet    balance and charge, with the charge paid before and asked for meanwhile
    R14     test_wallet    first use of a wallet
    R15     test_charges   the charge is made, its answer lost; retries and the notice at once
    R16     test_refunds   the refund is made, its answer lost; two copies try again
    R17     test_refunds   patient, doctor and clock refund; a refund's answer and its notice
    R18     test_refunds   answer and refund
    R19     test_orders    evaluate twice; evaluate and destroy
    R20     test_orders    question twice, question on an unpaid order; question and refund in
                           test_refunds, that of a month in test_periods
    R21     test_orders    finish, finish and the clock: one payout; answer twice
    R22     test_notices   destroy with a charge in flight
    R23     test_periods  months bought at once; a period is 30 days, so no month ends differ
    R24     test_periods  the period ends after a free order was made
    R25     test_orders    price and duty change, at once and while the order waits for a lock;
                           prices while staff revoke the doctor in test_accounts
    R26     no race: expiry under a moved clock is in qaorder/tests and in the stateful test
    R27     no race of threads: processes are killed at every failpoint in tests/faults
    R28     test_refunds   copies of the sender, its death after sending; test_jobs: two run_jobs
    R29     no race of ours: a database crash is PostgreSQL's own recovery; see tests/faults
    R30     test_requests  a lock held elsewhere is 503 in time, at every endpoint that writes
    R31     no race: deadline and bulkhead of the provider's calls are in pingpp_client/tests
    R32     no race: connections are bounded by the server's threads, one each
    R33     test_requests  one name registered at once, in several spellings
    R34     test_charges   user deactivated while the provider was asked
    R35     test_notices   comparing the books and the notice
    R36     no race: one release, no older code to run beside it
    R37     no race: what a restored backup lacks, `manage.py reconcile` finds (its own tests)

Without a number: the lock order of patient and wallet (test_wallet), a free order and the refund
of its month (test_periods), one Idempotency-Key at once, or slept past its lease
(test_requests), profile or login and a new password, an entry of a catalogue saved and deleted
(test_accounts).
"""
