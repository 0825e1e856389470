from datetime import timedelta

from accounts.failover.alarm import alarm_for, trouble_of
from accounts.models import Credential
from tests.accounts.failover.rows import NOW, credential

State = Credential.State
MINUTE = timedelta(minutes=1)


def test_the_alarm_is_graver_when_none_is_left() -> None:
    main = credential(is_primary=True, state=State.FAILING, failure="The key is dead.")
    spare = credential(name="spare")
    alarm = alarm_for([spare, main], NOW)
    assert alarm is not None
    assert (alarm.mark, alarm.credential) == ("warn", main)
    assert "spare" in alarm.text
    spare.state, spare.rests_until = State.FAILING, NOW + MINUTE
    alarm = alarm_for([spare, main], NOW)
    assert alarm is not None
    assert alarm.mark == "bad"
    assert "The key is dead." in alarm.text
    assert "12:01 UTC" in trouble_of(spare, NOW)
    assert alarm_for([credential(is_primary=True)], NOW) is None
    assert alarm_for([], NOW) is None
