"""What goes in and comes out, as OpenAPI shows it. Unknown members are told, not ignored."""
