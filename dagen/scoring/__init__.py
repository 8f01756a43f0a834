"""What a network says of images, and what that is worth. Knows runs, data sets, networks."""
