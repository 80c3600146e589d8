//! Dial plans and routes: from a number to the endpoint that reaches it.
