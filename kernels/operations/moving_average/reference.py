"""Moving average in NumPy. Source: Tarvainen and Valpola (2017), Mean teachers are better role models, section 2.

x (n,), rate (1,); average (n,) is updated in place. With theta' for the average, theta for x and alpha = 1 - rate,
theta' = alpha theta' + (1 - alpha) theta. A step that weighs 1 now weighs alpha^t after t more steps, so the average
is of about the last 1 / rate.
"""


def forward(x, rate, average):
    """average = average + rate (x - average)."""
    average[...] = average + rate * (x - average)
