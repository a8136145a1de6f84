#!/bin/sh
# What `make run` shows in the virtual machine: fim watching PATHs while a small
# workload goes on. Ends by itself after a few rounds, or at Ctrl-C.
ready=/run/fim-demo-ready

work() {
	while [ ! -e "$ready" ]; do sleep 0.2; done
	for round in 1 2 3; do
		echo "10.0.0.$round intranet" >> /etc/hosts
		install -m 755 /bin/true /usr/bin/demo-tool
		cp /etc/passwd /etc/passwd.new && mv /etc/passwd.new /etc/passwd
		mkdir -p /etc/demo.d && echo "option $round" > /etc/demo.d/settings
		ln /etc/demo.d/settings /etc/demo.d/alias
		rm -r /etc/demo.d /usr/bin/demo-tool
		sleep 5
	done
	kill -INT "$monitor"
}

if [ "$(ls /mnt/share)" ]; then
	mkdir -p -m 700 /run/fim/programs
	cp /mnt/share/* /run/fim/programs
else
	echo "compiling the kernel programs: under emulation this takes up to two minutes"
fi
/usr/bin/python3 -m fim watch --ready-file "$ready" "$@" &
monitor=$!
trap 'kill -INT $monitor' INT TERM
work &
wait "$monitor"
