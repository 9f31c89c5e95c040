"""Whoever waits for a run hears of it, and of what is a part of it; nobody else does, and nobody after they stopped listening."""

from tagstone.adapters.news import News


def test_who_listens_hears_of_their_run_only() -> None:
    news, heard = News(), list[str]()
    with news.listening("p1-1", lambda: heard.append("first")), news.listening("p2-1", lambda: heard.append("second")):
        assert news.awaited == ["p1-1", "p2-1"]
        news.tell("p1-1")
        news.tell("p3-1")
        news.tell("")
    assert heard == ["first"]


def test_all_who_listen_for_the_same_run_hear_of_it() -> None:
    news, heard = News(), list[int]()
    with news.listening("p1-1", lambda: heard.append(1)):
        with news.listening("p1-1", lambda: heard.append(2)):
            news.tell("p1-1")
        news.tell("p1-1")
    assert heard == [1, 2, 1]


def test_news_of_a_part_reach_who_waits_for_the_whole_and_never_another_one() -> None:
    news, heard = News(), list[str]()
    with news.listening("p1-1", lambda: heard.append("whole")):
        news.tell("p1-1-bins-64")
        news.tell("p1-12")
    assert heard == ["whole"]


def test_nobody_is_told_who_stopped_listening() -> None:
    news, heard = News(), list[str]()
    with news.listening("p1-1", lambda: heard.append("late")):
        pass
    news.tell("p1-1")
    assert (heard, news.awaited) == ([], [])
